enum ChordWirePlaceholder {}
