#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo are variadic; one forwarder for each argument type.
static inline CURLcode hostctl_setopt_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hostctl_setopt_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hostctl_setopt_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hostctl_setopt_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hostctl_unset_string(CURL *handle, CURLoption option) {
    return curl_easy_setopt(handle, option, (const char *)NULL);
}
typedef size_t (*hostctl_data_callback)(char *bytes, size_t size, size_t count, void *context);
static inline CURLcode hostctl_setopt_callback(CURL *handle, CURLoption option, hostctl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}
typedef int (*hostctl_progress_callback)(
    void *context, curl_off_t total, curl_off_t now, curl_off_t upload_total, curl_off_t upload_now);
static inline CURLcode hostctl_setopt_progress(CURL *handle, hostctl_progress_callback value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}
static inline CURLcode hostctl_getinfo_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode hostctl_getinfo_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode hostctl_getinfo_string(CURL *handle, CURLINFO info, char **value) {
    return curl_easy_getinfo(handle, info, value);
}
static const unsigned long hostctl_auth_basic = CURLAUTH_BASIC;
