import Glibc

/// The environment of the test process.
public enum ProcessVariables {
    /// A variable's value, or `nil` when it is not set.
    public static subscript(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
