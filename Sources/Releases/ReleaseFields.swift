import Checksums
import TrustMetadata

/// Names and checksums among a document's members.
extension JSONFields {
    func channel() throws(TrustMetadataError) -> ChannelName {
        let text = try string("channel")
        do throws(ReleaseError) { return try ChannelName(text) } catch { throw malformed(error.reason) }
    }

    func architecture() throws(TrustMetadataError) -> Architecture {
        let text = try string("architecture")
        do throws(ReleaseError) { return try Architecture(text) } catch { throw malformed(error.reason) }
    }

    func version() throws(TrustMetadataError) -> VersionName {
        let text = try string("version")
        do throws(ReleaseError) { return try VersionName(text) } catch { throw malformed(error.reason) }
    }

    func checksum(_ key: String) throws(TrustMetadataError) -> Checksum {
        guard let checksum = Checksum(hex: try string(key)) else { throw malformed("'\(key)' is no SHA-256") }
        return checksum
    }
}
