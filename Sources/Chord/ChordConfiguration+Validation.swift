// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRuntime
import ChordWire

// Checks of the settings before anything runs.

extension ChordConfiguration {
    /// Checks the settings. It reads no certificates and opens no port.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`, which names the setting.
    public func validate() throws(ChordError) { _ = try validated() }

    /// The ring's parameters and the address to listen on, if the settings are valid.
    func validated() throws(ChordError) -> (RingParameters, NetworkAddress) {
        func refuse(_ message: String) -> ChordError { ChordError(.invalidConfiguration, message) }
        let parameters = try ring.parameters(isMixed: isMixed)
        for dialect in dialects.compactMap(Dialects.foreign) {
            if let objection = dialect.objection(to: parameters) {
                throw refuse(
                    "the ring cannot have members that speak \(dialect.name.rawValue): \(objection)"
                )
            }
        }
        let address: NetworkAddress
        do {
            address = try NetworkAddress(listening: listen)
        } catch {
            throw ChordError(.invalidConfiguration, "the address to listen on", cause: error)
        }
        guard (1...255).contains(name.utf8.count),
            !name.utf8.contains(0)
        else { throw refuse("a node's name must have 1 to 255 bytes and no zero byte") }
        if let domain = failureDomain {
            let lengths = NodeReference.failureDomainBytes
            guard lengths.contains(domain.utf8.count), !domain.utf8.contains(0) else {
                throw refuse(
                    "a node's failure domain must have \(lengths.lowerBound) to \(lengths.upperBound) bytes and"
                        + " no zero byte"
                )
            }
        }
        guard contacts.isEmpty || initialRing.isEmpty else {
            throw refuse(
                "a node either founds a ring or joins one: set contacts or initialRing, not both"
            )
        }
        guard initialRing.count <= WireLimits.listNodes else {
            throw refuse(
                "\(initialRing.count) founders are too many: start with at most "
                    + "\(WireLimits.listNodes) and let the others join"
            )
        }
        try Self.check(addresses: contacts, "a contact's address")
        try Self.check(addresses: initialRing, "a founder's address")
        if let advertise = advertise {
            do throws(AddressError) {
                _ = try NetworkAddress(advertise)
            } catch {
                throw ChordError(.invalidConfiguration, "the advertised address", cause: error)
            }
            guard !Self.isEverywhere(advertise) else {
                throw refuse(
                    "the advertised address \(advertise) is a wildcard address, which other nodes cannot dial"
                )
            }
        } else if Self.isEverywhere(listen) {
            throw refuse(
                "the address \(listen) is a wildcard address, which other nodes cannot dial: set the advertised "
                    + "address"
            )
        }
        try store?.check(dataDirectory: dataDirectory)
        try ConfigurationCheck.check(self)
        return (parameters, address)
    }

    /// Whether nodes of other implementations may be members.
    var isMixed: Bool { dialects.contains { $0 != .native } }

    /// The parameters that a node takes over from the ring that it joins.
    var adoption: RingAdoption {
        RingAdoption(placements: ring.placements == nil && !isMixed, store: true)
    }

    /// Whether an address is a wildcard address, on which a node can listen but which others cannot
    /// dial.
    private static func isEverywhere(_ address: String) -> Bool {
        guard let address = try? NetworkAddress(listening: address) else { return false }
        guard let bytes = IPAddress(address.host)?.bytes else { return false }
        return bytes.allSatisfy { $0 == 0 }
    }

    private static func check(addresses: [String], _ what: String) throws(ChordError) {
        for address in addresses {
            do throws(AddressError) {
                _ = try NetworkAddress(address)
            } catch {
                throw ChordError(.invalidConfiguration, what, cause: error)
            }
        }
    }
}
