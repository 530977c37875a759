// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Rings that give each node several places: what the shells check, and nodes that do what they must not.

extension MachineWorld {
    var hasPlaces: Bool { scenario.placements > 1 }

    /// How joiners judge what they hear, and where they may stand.
    func joinJudge(of number: Int) -> JoinMachine.Judge {
        guard hasPlaces else { return .credulous }
        let (rule, count) = (rule, scenario.placements)
        let id = nodes[number].reference.id
        return JoinMachine.Judge(
            isPlaced: { rule.isPlaced($0, count: count) },
            admissible: { $0.prefix { rule.isPlaced($0, count: count) } + [] },
            // An intruder takes the identifier that it likes.
            rule: nodes[number].isIntruder ? PlaceRule { _, _ in id } : rule
        )
    }

    /// Whether a node stands at one of its places; every receiver of a reference computes that anew.
    func isPlaced(_ node: NodeReference) -> Bool {
        !hasPlaces || rule.isPlaced(node, count: scenario.placements)
    }

    /// The part of an answer that a node believes.
    func believed(_ answer: StateAnswer) -> StateAnswer {
        guard hasPlaces, case .state(var state) = answer else { return answer }
        guard isPlaced(state.node), isPlaced(state.predecessor) else { return .notMember }
        state.successors = Array(state.successors.prefix(while: isPlaced))
        return .state(state)
    }

    // MARK: Looking up all places

    func lookUpPlaces(_ places: [NodeReference], of number: Int, via contact: Int, _ token: Token) {
        nodes[number].placeAnswers = Array(repeating: nil, count: places.count)
        for (index, place) in places.enumerated() {
            findPlace(
                of: number,
                via: nodes[contact].reference,
                for: .joiningPlace(token, index),
                at: place
            )
        }
    }

    func foundPlace(_ number: Int, _ token: Token, _ index: Int, _ outcome: LookupOutcome) {
        let answer: JoinMachine.PlaceAnswer
        switch outcome {
        case .owner(_, let answering, let successors):
            answer = .after(answering, successors: successors)
        case .failure(.nameTaken): answer = .taken
        case .failure, .deadline, .refused:
            answer = .failed(JoinError(.noContact, "\(outcome)"))
        }
        guard nodes[number].placeAnswers.indices.contains(index) else { return }
        nodes[number].placeAnswers[index] = answer
        let answers = nodes[number].placeAnswers.compactMap { $0 }
        guard answers.count == nodes[number].placeAnswers.count else { return }
        nodes[number].placeAnswers = []
        receive(.places(answers), for: token, at: number)
    }

    // MARK: Two lives, and none

    /// A node hears of another life of its name.
    func verifyRival(_ rival: NodeReference, of number: Int) {
        let other = MachineNode.number(of: rival)
        guard other != number else {
            return perform(number) { $0.raiseIncarnation(above: rival.incarnation) }
        }
        guard hasPlaces, other < nodes.count, !network.isBlocked(from: number, to: other) else {
            return
        }
        let node = nodes[number].reference
        guard nodes[other].isMember, nodes[other].reference.name == node.name else { return }
        let rival = nodes[other].reference
        guard rival.outranks(node) else { return }
        for neighbour in nodes[number].machine.neighboursToTell(of: rival) {
            send(from: number, to: MachineNode.number(of: neighbour), .meet(contact: rival))
        }
        // It looks again if the ring could not bear its end now. An undisturbed ring of any size can, unless
        // this node alone knows of another part.
        guard
            !scenario.admitsOnly || admitsFailure(of: number, isLeaving: false)
                || isHealed && groups(without: number) == 1
        else { return }
        counts.replaced += 1
        crash(number)
    }

    /// A second process of a node's name starts.
    func startTwin(_ number: Int, of original: Int, via: Int) {
        guard hasPlaces, number > 0, !isKnown(number), isKnown(original) else { return }
        add(number, id: nodes[original].firstPlace, name: nodes[original].reference.name)
        startJoining(number, via: isKnown(via) ? via : number)
    }

    /// A node starts that claims a place which is not its own.
    func startIntruder(_ number: Int, at id: Identifier, via: Int) {
        guard hasPlaces, number > 0, !isKnown(number), !takenIds.contains(id) else { return }
        add(number, id: id)
        nodes[number].isIntruder = true
        startJoining(number, via: isKnown(via) ? via : number)
    }

    /// The index that a node remembers: every second one has a data directory.
    func rememberedPlace(of number: Int) -> Int? {
        guard hasPlaces, number % 2 == 0 else { return nil }
        return nodes[number].formerPlace
    }

    /// A node that has joined stands where it stood before, if it remembers that.
    func checkPlace(of number: Int) {
        let index = nodes[number].reference.placeIndex
        if let former = rememberedPlace(of: number), former != index {
            report(
                .place,
                ["\(nodes[number].reference) stood at place \(former), and joins at \(index)"],
                after: "its restart"
            )
        }
        nodes[number].formerPlace = index
    }

    /// Members at places that are not theirs, and names that two members have.
    func placeFlaws(in ring: RingSnapshot) -> [String] {
        guard hasPlaces else { return [] }
        var holders: [String: NodeReference] = [:]
        var flaws: [String] = []
        for node in ring.members.map(\.node) {
            if !isPlaced(node) {
                flaws.append("\(node) stands at \(node.id), which is none of its places")
            }
            if let other = holders.updateValue(node, forKey: node.name) {
                flaws.append("\(node) and \(other) have one name")
            }
        }
        return flaws
    }

    /// Whether the node at a reference's address stands where the reference says. Knowing a place at an address
    /// that its node has left connects nobody.
    func isReachable(_ node: NodeReference) -> Bool {
        guard hasPlaces else { return true }
        let number = MachineNode.number(of: node)
        return number < nodes.count && nodes[number].reference.id == node.id
    }
}
