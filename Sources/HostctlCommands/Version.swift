/// The versions that `--version` prints and release manifests compare with.
public enum HostctlVersion {
    public static let current = "0.1.0"
    /// The oldest hostctl that can install what this one publishes.
    public static let minimum = "0.1.0"
}
