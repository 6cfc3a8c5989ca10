/// What long work says about itself while it goes on.
public struct ProgressReport: Sendable, Equatable {
    /// What the numbers count.
    public enum Unit: String, Sendable { case bytes, objects, steps }

    /// What is being done, in a few words: "fetching objects".
    public let step: String
    public let done: Int64
    /// `nil` while it is not known.
    public let total: Int64?
    public let unit: Unit

    public init(_ step: String, done: Int64 = 0, total: Int64? = nil, unit: Unit = .steps) {
        self.step = step
        self.done = done
        self.total = total
        self.unit = unit
    }
}

/// Receives reports, from any thread.
public typealias ProgressHandler = @Sendable (ProgressReport) -> Void
