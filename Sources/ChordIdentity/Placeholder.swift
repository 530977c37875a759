enum ChordIdentityPlaceholder {}
