public import Checksums

/// What tells one deployment from all others in a sysroot.
public struct DeploymentName: Hashable, Sendable, CustomStringConvertible {
    /// The stateroot, which owns /var.
    public let stateroot: String
    /// The commit that is checked out.
    public let checksum: Checksum
    /// Tells deployments of one commit apart.
    public let serial: Int

    public init(stateroot: String, checksum: Checksum, serial: Int) {
        self.stateroot = stateroot
        self.checksum = checksum
        self.serial = serial
    }

    /// From a folder's name, `<checksum>.<serial>`; `nil` for anything else.
    public init?(stateroot: String, folderName: some StringProtocol) {
        let parts = folderName.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let checksum = Checksum(hex: parts[0]), let serial = Int(parts[1]), serial >= 0,
            String(serial) == parts[1]
        else { return nil }
        self.init(stateroot: stateroot, checksum: checksum, serial: serial)
    }

    /// `<checksum>.<serial>`, the name of its folder.
    public var folderName: String { "\(checksum.hex).\(serial)" }

    /// The ref that keeps the commit's objects while the deployment exists.
    public var lease: String { "\(Self.leases)/\(stateroot)/\(folderName)" }

    /// What the refs of all leases start with.
    public static let leases = "hostctl/deployments"

    /// From a lease; `nil` for any other ref.
    public init?(lease: String) {
        guard lease.hasPrefix(Self.leases + "/") else { return nil }
        let parts = lease.dropFirst(Self.leases.count + 1).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        self.init(stateroot: String(parts[0]), folderName: parts[1])
    }

    /// From `<stateroot>/<checksum>.<serial>`; `nil` for anything else, and for stateroots that lead elsewhere.
    public init?(text: String) {
        guard let name = DeploymentName(lease: "\(Self.leases)/\(text)"), name.stateroot != "..",
            name.stateroot != ".", !name.stateroot.isEmpty
        else { return nil }
        self = name
    }

    public var description: String { "\(stateroot)/\(folderName)" }
}
