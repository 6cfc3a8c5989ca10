/// What happens to a file of /etc that both the operator and the image have changed, to different things.
public enum EtcPolicy: String, Sendable, CaseIterable {
    /// The local change wins, as with ostree.
    case keep
    /// The image's change wins; the local one is lost.
    case new
    /// Nothing is merged.
    case fail
}

/// One of the two that may have changed a file since the deployment that runs was made.
public enum EtcSide: String, Sendable {
    /// The operator, in the live /etc.
    case local
    /// The new image.
    case image
}
