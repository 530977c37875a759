/* Made by scripts/protos. */
#ifndef CHORD_DESCRIPTORS_H
#define CHORD_DESCRIPTORS_H
#include <stddef.h>

/* A .proto file as a serialised google.protobuf.FileDescriptorProto. */
struct chord_file_descriptor {
    const char *name;
    const unsigned char *bytes;
    size_t count;
};

/* The file at an index, of those in Protos/; NULL past the last. */
const struct chord_file_descriptor *chord_file_descriptor(size_t index);
#endif
