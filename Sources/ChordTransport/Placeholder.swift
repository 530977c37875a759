enum ChordTransportPlaceholder {}
