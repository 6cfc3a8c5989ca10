/// The version that `--version` prints and release manifests compare with.
public enum HostctlVersion {
    public static let current = "0.1.0"
}
