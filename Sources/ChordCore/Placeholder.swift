enum ChordCorePlaceholder {}
