// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
package import ChordRPC
import ChordWire
import Logging

extension NodeShell {
    /// The node's services in the order of their start. `others` are placed between the node's own.
    package nonisolated func services(with others: [any NodeService] = []) -> [any NodeService] {
        let statements = StatementBudget(
            configuration.statements,
            interval: configuration.intervals.stabilize
        )
        var services: [any NodeService] = [
            ChordService(
                published: published,
                lookups: lookupContext,
                limits: configuration.lookups,
                shell: self,
                space: parameters.space,
                statements: statements
            )
        ]
        services += DialectName.foreign.filter(configuration.dialects.contains)
            .compactMap(Dialects.foreign).map { dialect in
                DialectService(
                    dialect: dialect,
                    published: published,
                    lookups: lookupContext,
                    limits: configuration.lookups,
                    shell: self,
                    statements: statements
                )
            }
        services.append(AdminService(shell: self))
        services += others
        // Health and reflection describe all services, so they come last.
        let methods =
            services.flatMap(\.methods).map(\.method)
            + [HealthMethods.check, ReflectionMethods.v1, ReflectionMethods.v1alpha]
        let names = Set(methods.map(\.service))
        services.append(HealthService(shell: self, services: names))
        services.append(
            ReflectionService(
                executor: executor,
                reflection: Reflection(
                    services: Array(names),
                    files: methods.compactMap(\.protoFile),
                    others: services.flatMap(\.protoFiles)
                )
            )
        )
        return services
    }
}

// MARK: Starting and stopping

extension NodeShell {
    /// Services that prepare for the node's departure, and the tasks that wait for them.
    struct Departure {
        var preparing = 0
        var tasks: [Task<Void, Never>] = []
        var timer: ScheduledWork?
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// The reason why services cannot work together; nil if they can.
    package static func objection(to services: [any NodeService]) -> String? {
        var paths: Set<String> = []
        for served in services.flatMap(\.methods) {
            let method = served.method
            guard paths.insert(method.path).inserted else {
                return "two services have the method \(method)"
            }
            let isUnary = if case .unary = served.handler { true } else { false }
            guard isUnary == (method.kind == .unary) else {
                return "\(method) is \(method.kind.rawValue), but its handler is not"
            }
        }
        return nil
    }

    /// Starts services one after the other, before the node serves and joins.
    ///
    /// - Throws: `serviceFailed` if one does not start. The services started before it are then
    ///   stopped.
    package func start(_ services: [any NodeService]) async throws(ChordError) {
        let context = NodeContext(self)
        for service in services {
            do {
                try await service.start(context)
            } catch {
                await stopServices()
                throw ChordError(
                    .serviceFailed,
                    "the service \(type(of: service)) of \(configuration.name) does not start",
                    cause: error
                )
            }
            self.services.append(service)
        }
    }

    /// The services that hold what others need.
    var holdingServices: [any HoldingService] { services.compactMap { $0 as? any HoldingService } }

    /// Stops the started services in reverse order.
    package func stopServices() async {
        while let service = services.popLast() { await service.stop() }
    }

    // MARK: Leaving

    /// Waits until all services are ready for the departure, or until their time is over.
    func prepareToLeave() async {
        await withCheckedContinuation { continuation in
            // The actor may have run other work while this method was entered. A departure that began before would
            // be over already, and nobody would resume this task.
            guard place.isMember, !services.isEmpty, !isPrepared else {
                return continuation.resume()
            }
            if departure == nil { beginDeparture() }
            departure?.waiters.append(continuation)
        }
    }

    private func beginDeparture() {
        let allowance = configuration.handoverTimeout
        var begun = Departure(preparing: services.count)
        begun.tasks = services.map { service in
            Task(executorPreference: executor) { await self.prepare(service, within: allowance) }
        }
        begun.timer = executor.schedule(after: allowance) { [weak self] in
            self?.assumeIsolated { shell in
                guard shell.departure != nil else { return }
                shell.logger.warning("the node left: its services were not ready in time")
                shell.endDeparture()
            }
        }
        departure = begun
    }

    private func prepare(_ service: any NodeService, within allowance: Duration) async {
        await service.nodeWillLeave(within: allowance)
        departure?.preparing -= 1
        if departure?.preparing == 0 { endDeparture() }
    }

    /// Ends the wait for services: the node leaves now, or ends without leaving.
    func endDeparture() {
        isPrepared = true
        guard let ended = departure.take() else { return }
        ended.timer?.cancel()
        for task in ended.tasks { task.cancel() }
        for waiter in ended.waiters { waiter.resume() }
    }

    // MARK: Changes of place

    /// Runs `publication`, which replaces the place that requests are answered from. Tells the
    /// services of the change before and after it.
    func changePlace(_ events: [RingEvent], _ publication: () -> Void) {
        let next = NodePlace(machine.view, reach.tenure)
        guard let change = PlaceChange(from: place, to: next, events: events) else {
            return publication()
        }
        for service in services { service.placeWillChange(change) }
        publication()
        place = next
        for service in services { service.placeDidChange(change) }
    }
}

extension Router {
    /// Makes a router of all methods of these services.
    package init(_ services: [any NodeService], authority: (any CallAuthority)? = nil) {
        self.init(services.flatMap(\.methods), authority: authority)
    }
}
