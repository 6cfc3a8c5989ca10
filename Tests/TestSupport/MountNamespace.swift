/// A shell script in a mount namespace of its own, whose mounts end with it.
public enum MountNamespace {
    /// The command that runs `script`; `$1` and on are the arguments.
    ///
    /// Where / is no mount point, as in a chroot, its propagation cannot be changed; whoever made the chroot has seen to it
    /// that its mounts go nowhere.
    public static func command(_ script: String, _ arguments: [String]) -> [String] {
        let begin = "mount --make-rprivate / 2>/dev/null || true\n"
        let unshare = ["/usr/bin/unshare", "--mount", "--propagation", "unchanged", "--"]
        return unshare + ["/bin/sh", "-c", begin + script, "sh"] + arguments
    }
}
