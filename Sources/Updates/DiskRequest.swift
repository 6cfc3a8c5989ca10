public import BootLoaders
public import Disks

/// What a new disk will be.
public struct DiskRequest: Sendable {
    /// The release, its keys and the kernel's arguments.
    public var release: InstallRequest
    public var loader = LoaderKind.systemdBoot
    public var fileSystem = RootFileSystem.ext4
    /// Of the boot partition, in bytes.
    public var bootSize: Int64 = 256 << 20
    /// Of the root, in bytes, when a data partition gets the rest of the disk; `nil` for a disk without one.
    public var rootSize: Int64?
    /// How often a new deployment is tried before the last good one boots.
    public var tries = 3
    /// What the host's own /etc and /var get.
    public var host = HostIdentity()

    public init(release: InstallRequest) { self.release = release }
}

/// What distinguishes one host from all others of its image.
public struct HostIdentity: Sendable, Equatable {
    /// A person, or a service, that logs in.
    public struct User: Sendable, Equatable {
        public var name: String
        /// As crypt(3) writes it; `nil` for a user without one.
        public var passwordHash: String?
        /// Lines of `authorized_keys`.
        public var keys: [String] = []
        /// Groups of the image that the user belongs to as well.
        public var groups: [String] = []

        public init(name: String) { self.name = name }
    }

    public var hostname: String?
    /// root's password, as crypt(3) writes it; `nil` leaves the image's.
    public var passwordHash: String?
    /// Lines of root's `authorized_keys`.
    public var keys: [String] = []
    public var users: [User] = []

    public init() {}
}
