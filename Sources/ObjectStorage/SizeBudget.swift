import LinuxSystem

/// Bytes that several readers' objects may have together.
///
/// What an object declares is taken before its first byte is inflated, so that many objects at once cannot
/// each fill what is there for all of them.
public final class SizeBudget: Sendable {
    private let left: Guarded<UInt64>

    public init(_ bytes: UInt64) { left = Guarded(bytes) }

    /// What nobody has taken yet.
    public var remaining: UInt64 { left.with { $0 } }

    /// Takes bytes. `false`, and nothing is taken, when there are not so many.
    public func take(_ bytes: UInt64) -> Bool {
        left.with { left in
            guard bytes <= left else { return false }
            left -= bytes
            return true
        }
    }

    /// Gives back what `take` gave.
    public func giveBack(_ bytes: UInt64) { left.with { $0 += bytes } }
}
