/// Mounts that nobody else sees, and that are gone with the last process, however it ends.
enum MountNamespace {
    /// A call that runs a shell script in a mount namespace of its own.
    ///
    /// Where this runs in a chroot, / is no mount point and its propagation cannot be changed; mounts are then as
    /// private as whoever made the chroot has them.
    /// - Parameter arguments: the script's, from `$1` on.
    static func command(script: String, _ arguments: [String]) -> [String] {
        [
            "/usr/bin/unshare", "--mount", "--propagation", "unchanged", "--", "/bin/sh", "-euc",
            "umask 022; mount --make-rprivate / 2>/dev/null || :\n" + script, "sh",
        ] + arguments
    }
}
