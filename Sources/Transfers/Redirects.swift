import CCurl

/// Redirects, followed one by one, because what a server may be told depends on which server it is.
extension CurlHandle {
    /// Makes a request and follows its redirects. A connection that was encrypted once stays so, wherever it is sent;
    /// password and client certificate go to the server that was meant, and to no other.
    func follow(_ address: String) -> CURLcode {
        let meant = ServerName(address)
        var url = address
        for _ in 0...options.redirects {
            receiver.ignored = 0
            set(CURLOPT_URL, url)
            authenticate(ServerName(url) == meant ? meant : nil)
            let code = curl_easy_perform(handle)
            // A redirect says nothing of the rest that was asked for, which libcurl takes for an error.
            guard code == CURLE_OK || code == CURLE_RANGE_ERROR, receiver.isRedirect, let target = location else {
                return code
            }
            guard let next = Self.resolve(target, from: url) else { return CURLE_TOO_MANY_REDIRECTS }
            url = next
        }
        return CURLE_TOO_MANY_REDIRECTS
    }

    /// What the last answer's `Location` says.
    private var location: UnsafePointer<CChar>? {
        var header: UnsafeMutablePointer<curl_header>?
        guard curl_easy_header(handle, "Location", 0, UInt32(CURLH_HEADER), -1, &header) == CURLHE_OK else {
            return nil
        }
        return header.map { UnsafePointer($0.pointee.value) }
    }

    /// Where a redirect leads; `nil` where nobody should follow it.
    private static func resolve(_ target: UnsafePointer<CChar>, from base: String) -> String? {
        guard let parts = curl_url() else { return nil }
        defer { curl_url_cleanup(parts) }
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_set(parts, CURLUPART_URL, base, 0) == CURLUE_OK,
            curl_url_set(parts, CURLUPART_URL, target, UInt32(CURLU_URLENCODE)) == CURLUE_OK,
            curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK, let text
        else { return nil }
        defer { curl_free(text) }
        let next = String(cString: text)
        let isAllowed = next.hasPrefix("https://") || next.hasPrefix("http://") && !base.hasPrefix("https://")
        // A server that wants to be told a password of its own choice has something else in mind.
        return isAllowed && TransferError.shown(next) == next ? next : nil
    }

    /// Chooses what the next request proves to a server; nothing where there is no server to be trusted with it.
    private func authenticate(_ server: ServerName?) {
        let login = server.flatMap { options.network.credentials.login(for: $0) }
        set(CURLOPT_USERNAME, orUnset: login?.user)
        set(CURLOPT_PASSWORD, orUnset: login?.password)
        let identity = server == nil ? nil : options.network.identity
        set(CURLOPT_SSLCERT, orUnset: identity?.certificate)
        set(CURLOPT_SSLKEY, orUnset: identity?.key)
    }

    func set(_ option: CURLoption, orUnset value: String?) {
        if let value { set(option, value) } else { hostctl_unset_string(handle, option) }
    }
}
