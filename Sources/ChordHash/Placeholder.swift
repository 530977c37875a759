enum ChordHashPlaceholder {}
