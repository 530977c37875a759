# This file is part of swift-chord, a Chord node and library in Swift.
# Copyright the swift-chord contributors.
# SPDX-License-Identifier: Apache-2.0
