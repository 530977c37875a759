enum ChordTLSPlaceholder {}
