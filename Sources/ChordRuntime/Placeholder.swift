enum ChordRuntimePlaceholder {}
