/// What differs between two files of the same path.
public enum EtcAspect: String, Sendable, CaseIterable {
    /// A file is a folder now, or a link, or the other way round.
    case type
    case content
    /// A link's target.
    case target
    /// User or group.
    case owner
    case mode
    /// Extended attributes, access control lists and capabilities among them.
    case attributes
}

/// A difference between two trees, as of the live /etc and the one that the image brought.
public struct EtcChange: Sendable, Equatable {
    public enum Kind: String, Sendable { case added, modified, removed }

    public let path: EtcPath
    public let kind: Kind
    /// What of a modified one differs; empty for the others.
    public let aspects: [EtcAspect]

    public init(path: EtcPath, kind: Kind, aspects: [EtcAspect] = []) {
        self.path = path
        self.kind = kind
        self.aspects = aspects
    }
}

/// What both sides have changed, to different things.
public struct EtcConflict: Sendable, Equatable {
    public let path: EtcPath
    /// What the operator has done to it.
    public let local: EtcChange.Kind
    /// What the image has done to it.
    public let image: EtcChange.Kind
    /// Whose change is in the merged /etc.
    public let winner: EtcSide
    /// One sentence without a full stop, with what to do, where the path alone does not tell: a number of an account
    /// that is taken.
    public let detail: String?

    public init(
        path: EtcPath, local: EtcChange.Kind, image: EtcChange.Kind, winner: EtcSide, detail: String? = nil
    ) {
        self.path = path
        self.local = local
        self.image = image
        self.winner = winner
        self.detail = detail
    }

    /// For people, without a full stop.
    public var sentence: String {
        if let detail { return "/etc/\(path): \(detail)" }
        let outcome = winner == .local ? "the local one stays" : "the image's replaces the local one"
        return "/etc/\(path): \(local.rawValue) here and \(image.rawValue) by the image; \(outcome)"
    }
}

/// Something that a merge did with a file that the operator may want to know, and that is no conflict.
public struct EtcNote: Sendable, Equatable {
    public let path: EtcPath
    /// One sentence without a full stop.
    public let text: String

    public init(path: EtcPath, text: String) {
        self.path = path
        self.text = text
    }

    /// For people, without a full stop.
    public var sentence: String { "/etc/\(path): \(text)" }
}

/// What a merge comes to.
public struct EtcPlan: Sendable, Equatable {
    /// The local changes, sorted by path: what differs between the live /etc and the one that its image brought.
    public var changes: [EtcChange] = []
    /// In the order of their paths.
    public var conflicts: [EtcConflict] = []
    /// In the order of their paths.
    public var notes: [EtcNote] = []

    public init() {}
}
