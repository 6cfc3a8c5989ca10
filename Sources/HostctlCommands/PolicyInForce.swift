import LinuxSystem
import Settings
public import Sysroots

/// The policy of automatic updates, as far as `status` can read it.
public enum PolicyInForce: Sendable, Equatable {
    /// As it is written in hostctl.conf.
    case policy(String)
    /// The settings cannot be read, so that every update fails with this.
    case unreadable(String)

    /// The policy of a sysroot; that of a host without settings when nothing is deployed.
    public init(of reader: SysrootReader) {
        do {
            let settings = try reader.configurationRoot.map { try HostSettings(below: $0) } ?? HostSettings()
            self = .policy(settings.policy.rawValue)
        } catch {
            self = .unreadable((error as? any ExplainedError)?.reason ?? "\(error)")
        }
    }
}
