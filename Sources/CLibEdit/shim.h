// SPDX-License-Identifier: Apache-2.0
// Copyright the swift-chord contributors.
// libedit as Swift sees it, with functions for the variables that Swift 6 does not let one thread set.
#ifndef SWIFT_CHORD_CLIBEDIT_SHIM_H
#define SWIFT_CHORD_CLIBEDIT_SHIM_H

#include <stddef.h>
#include <stdio.h>
#include <editline/readline.h>

// Words are completed by `complete`, and never with the names of files.
static inline void clibedit_set_completion(char **(*complete)(const char *, int, int)) {
    rl_attempted_completion_function = complete;
}

static inline void clibedit_no_file_names(void) {
    rl_attempted_completion_over = 1;
}

// The characters of the line so far.
static inline const char *clibedit_line(void) {
    return rl_line_buffer;
}

// Makes the terminal as it was before the line was read, for a program that ends meanwhile.
static inline void clibedit_restore_terminal(void) {
    rl_deprep_terminal();
}

#endif
