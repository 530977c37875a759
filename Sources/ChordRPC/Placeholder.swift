enum ChordRPCPlaceholder {}
