enum ChordPlaceholder {}
