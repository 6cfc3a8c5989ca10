/// The media types of OCI, and Docker's for the same documents.
enum MediaTypes {
    static let index = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let manifest = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]
    static let configuration = [
        "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
    ]

    /// Whether it is a layer's tar; how it is compressed is seen in its bytes.
    static func isLayer(_ type: String) -> Bool {
        let families = [
            "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.diff.tar",
        ]
        return families.contains { type == $0 || type.hasPrefix("\($0)+") || type.hasPrefix("\($0).") }
    }
}
