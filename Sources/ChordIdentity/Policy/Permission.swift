// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a rule of a policy allows or denies.
public enum Permission: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// Reads values, lists and counts keys.
    case get
    /// Writes values and their times to live, also under a condition.
    case put
    /// Deletes keys.
    case delete
    /// Watches keys.
    case watch
    /// Looks up the owner of an identifier.
    case lookup
    /// Lists the members and the ranges of the store, and watches members.
    case walk
    /// Makes nodes leave, merges rings, exports, verifies and recovers the store. Only a certificate
    /// of role `admin` can have it.
    case administer

    /// Whether it is about keys of the store.
    public var concernsKeys: Bool {
        switch self {
        case .get, .put, .delete, .watch: true
        case .lookup, .walk, .administer: false
        }
    }

    /// The word in policies.
    public var description: String { rawValue }
}

/// What a policy decides about the calls of a method.
public enum MethodRule: Hashable, Sendable {
    /// Nothing. Every certificate of the method's roles may call it: without it the ring's nodes could
    /// not work, or clients could not find out how to.
    case rolesOnly
    /// Every call needs this permission. Nodes always have it, because they pass on calls of others.
    case permission(Permission)
    /// The same for calls that serve several purposes: one of these permissions is enough.
    case oneOf([Permission])
    /// A call needs permissions for the keys that it names; its handler asks for them.
    case keys

    /// The permissions of which every call needs one; empty if it needs none.
    package var permissions: [Permission] {
        switch self {
        case .rolesOnly, .keys: []
        case .permission(let permission): [permission]
        case .oneOf(let permissions): permissions
        }
    }
}
