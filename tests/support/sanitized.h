// sanitized.h: is this test built with a sanitizer? What runs thousands of times is then ten times as
// slow, and takes a part of them.
#pragma once

namespace crescendo::testing {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace crescendo::testing
