/// How far an automatic update goes.
public enum UpdatePolicy: String, Sendable, CaseIterable {
    /// Nothing happens by itself; the network is not touched.
    case off
    /// A new release is only reported.
    case check
    /// It is fetched as well.
    case download
    /// It is deployed as well, and starts whenever the host is restarted.
    case stage
    /// The host is restarted as well.
    case reboot
}
