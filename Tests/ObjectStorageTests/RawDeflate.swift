import CZlib

/// A raw deflate stream, as archive objects hold it, made by zlib itself.
func deflated(_ bytes: [UInt8]) -> [UInt8] {
    // zlib requires that the stream stays where it was begun.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    defer { stream.deallocate() }
    stream.initialize(to: z_stream())
    precondition(hostctl_deflate_init(stream, 6) == Z_OK)
    defer { deflateEnd(stream) }
    var output = [UInt8](repeating: 0, count: Int(deflateBound(stream, UInt(bytes.count))))
    var input = bytes
    let count = input.withUnsafeMutableBufferPointer { input in
        output.withUnsafeMutableBufferPointer { output in
            stream.pointee.next_in = input.baseAddress
            stream.pointee.avail_in = UInt32(input.count)
            stream.pointee.next_out = output.baseAddress
            stream.pointee.avail_out = UInt32(output.count)
            precondition(deflate(stream, Z_FINISH) == Z_STREAM_END)
            return output.count - Int(stream.pointee.avail_out)
        }
    }
    return Array(output[..<count])
}
