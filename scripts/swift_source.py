# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
"""Shared by the source checks: blanks out comments and string contents in Swift code."""

import re

_INTERESTING = re.compile(r'//|/\*|#*"""|#*"')
_BLOCK = re.compile(r"/\*|\*/")


def code_only(text):
    """Returns the text with what comments and strings say blanked out.

    Of a comment its opening stays, so that one can see that there is one; line breaks stay, so that
    line numbers do; and so does code interpolated into a string.
    """
    kept = []
    _code(text, 0, kept, closing=False)
    return "".join(kept)


def _blank(piece):
    return "\n" * piece.count("\n")


def _code(text, position, kept, closing):
    """Copies code from position on. With closing, stops behind the parenthesis that ends it."""
    depth = 0
    while position < len(text):
        match = _INTERESTING.search(text, position)
        start = match.start() if match else len(text)
        if closing:
            for index in range(position, start):
                if text[index] == "(":
                    depth += 1
                elif text[index] == ")":
                    if depth == 0:
                        kept.append(text[position : index + 1])
                        return index + 1
                    depth -= 1
        kept.append(text[position:start])
        if not match:
            return start
        token = match.group()
        if token == "//":
            kept.append("//")
            end = text.find("\n", start)
            position = len(text) if end < 0 else end
        elif token == "/*":
            position = _comment(text, match.end(), kept)
        else:
            position = _string(text, match.end(), token, kept)
    return position


def _comment(text, position, kept):
    depth = 1
    start = position
    while depth > 0:
        match = _BLOCK.search(text, position)
        if not match:
            position = len(text)
            break
        depth += 1 if match.group() == "/*" else -1
        position = match.end()
    kept.append("/*" + _blank(text[start:position]))
    return position


def _string(text, position, opening, kept):
    hashes = opening.count("#")
    ending = opening.lstrip("#") + "#" * hashes
    escape = "\\" + "#" * hashes
    several = opening.endswith('"""')
    kept.append('"')
    while position < len(text):
        if text.startswith(ending, position):
            kept.append('"')
            return position + len(ending)
        if text.startswith(escape + "(", position):
            kept.append("(")
            position = _code(text, position + len(escape) + 1, kept, closing=True)
        elif text.startswith(escape, position):
            # The escaped character can be a line break, which is kept.
            after = position + len(escape)
            kept.append(_blank(text[after : after + 1]))
            position = after + 1
        elif text[position] == "\n":
            kept.append("\n")
            position += 1
            if not several:
                return position
        else:
            position += 1
    return position
