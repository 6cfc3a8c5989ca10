import Glibc
import LinuxSystem

/// Hands out tasks so that those that are being worked on have no more memory together than there is for them.
///
/// The largest that fits comes first. One that is larger than all there is has it alone, but for tasks so small that they
/// do not count.
final class TaskQueue: Sendable {
    private struct State {
        var waiting: ArraySlice<Int>
        var used: Int64 = 0
    }

    private let costs: [Int64]
    private let state: Guarded<State>
    private static let budget: Int64 = 192 << 20
    /// What a task costs that never waits.
    private static let small: Int64 = 2 << 20

    /// - Parameter costs: about the bytes of memory that each task takes.
    init(_ costs: [Int64]) {
        self.costs = costs
        state = Guarded(State(waiting: costs.indices.sorted { (-costs[$0], $0) < (-costs[$1], $1) }[...]))
    }

    /// Calls `body` for tasks until none is left, or another worker has failed.
    func work(until stop: StopFlag, _ body: (Int) throws -> Void) rethrows {
        while !stop.isSet {
            switch take() {
            case .task(let task):
                defer { giveBack(task) }
                try body(task)
            // Those who hold the memory give it back after seconds.
            case .noRoom: usleep(5000)
            case .done: return
            }
        }
    }

    private enum Answer {
        case task(Int)
        case noRoom
        case done
    }

    private func take() -> Answer {
        state.with { state in
            guard let last = state.waiting.last else { return .done }
            let used = state.used
            let fits = { (task: Int) in
                self.costs[task] <= max(Self.small, Self.budget - used) || used == 0
            }
            guard fits(last) else { return .noRoom }
            // The costs fall, so that all behind one that fits do.
            var (low, high) = (state.waiting.startIndex, state.waiting.endIndex - 1)
            while low < high {
                let middle = (low + high) / 2
                if fits(state.waiting[middle]) { high = middle } else { low = middle + 1 }
            }
            let task = state.waiting.remove(at: low)
            state.used += self.charge(task)
            return .task(task)
        }
    }

    private func giveBack(_ task: Int) { state.with { $0.used -= charge(task) } }

    private func charge(_ task: Int) -> Int64 { costs[task] <= Self.small ? 0 : costs[task] }
}
