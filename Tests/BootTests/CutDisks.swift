import Glibc
import PowerCuts
import SystemPackage
import TestSupport

/// The disks that power cuts leave.
extension RecordedHost {
    /// A power cut in a phase.
    struct State: Sendable, CustomStringConvertible {
        let phase: Phase
        let cut: PowerCut

        var description: String { "\(phase.name), \(cut)" }
    }

    /// Draws at least `count` power cuts, as many of each phase as of any other, in the order of time.
    ///
    /// - Parameter turn: another one begins with another manner.
    func draw(_ count: Int, turn: Int, _ generator: inout SeededGenerator, besides drawn: inout DrawnCuts) -> [State] {
        logs.indices.flatMap { session in
            let ofSession = phases.filter { $0.session == session }.flatMap { phase in
                draw((count + phases.count - 1) / phases.count, of: phase, &generator, &drawn, turn: turn)
            }
            return ofSession.sorted { $0.cut.start < $1.cut.start }
        }
    }

    private func draw(
        _ count: Int, of phase: Phase, _ generator: inout SeededGenerator, _ drawn: inout DrawnCuts, turn: Int
    ) -> [State] {
        let choice = PowerCutChoice(logs[phase.session], within: phase.range)
        let manners = PowerCut.Manner.allCases
        return (0..<count).compactMap { index in
            let manner = manners[(index + turn) % manners.count]
            // A phase of few flushes and writes has only so many states.
            let cut = drawn.next(of: phase.session) { attempt in
                // Every flush once, as far as the count goes, and then at random.
                let isInTurn = attempt == 0 && index < choice.flushes.count && count >= choice.flushes.count
                let start = isInTurn ? choice.flushes[index] : choice.flushes.randomElement(using: &generator)
                return choice.cut(after: start ?? phase.range.lowerBound, manner, &generator)
            }
            return cut.map { State(phase: phase, cut: $0) }
        }
    }

    /// Makes the disk of each state, which is removed when `body` has ended.
    ///
    /// - Parameter states: of each session in the order of time, as `draw` gives them.
    func forEachDisk(of states: [State], _ body: (FilePath, State) throws -> Void) throws {
        let folder = try TemporaryFolder(inMemory: true, room: RecordedHost.room)
        for (session, log) in logs.enumerated() {
            let states = states.filter { $0.phase.session == session }
            if states.isEmpty { continue }
            let base = folder.path.appending("base-\(session)")
            let copying = ["/bin/cp", "--sparse=always", before(session).string, base.string]
            try Machine.need(run(copying, timeout: 300))
            defer { unlink(base.string) }
            let history = try DiskHistory(log, on: base)
            for (number, state) in states.enumerated() {
                // Each has a file of its own: a process that was started elsewhere may hold the last one's mount for a
                // while, and a file that is mounted twice is one mount.
                let disk = folder.path.appending("state-\(session)-\(number)")
                defer { unlink(disk.string) }
                try history.make(state.cut, at: disk)
                try body(disk, state)
            }
        }
    }
}
