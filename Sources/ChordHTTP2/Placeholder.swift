enum ChordHTTP2Placeholder {}
