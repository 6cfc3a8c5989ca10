/// What whoever asked for a change is told while it goes on.
public struct Notices: Sendable {
    /// Called before a wait for a lock, with its present holder, or `nil` when nobody knows that.
    public var waiting: @Sendable (String?) -> Void
    /// Called with what was not asked for and happened all the same: one sentence without a full stop.
    public var warning: @Sendable (String) -> Void

    public init(
        waiting: @escaping @Sendable (String?) -> Void = { _ in },
        warning: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.waiting = waiting
        self.warning = warning
    }
}
