/* What the shared library exports, and C linkage for C++ callers. */
#ifndef BOWLINE_EXPORT_H
#define BOWLINE_EXPORT_H

#if defined(__GNUC__) || defined(__clang__)
#define BL_API                 __attribute__((visibility("default")))
#define BL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define BL_API
#define BL_PRINTF(text, first)
#endif

#ifdef __cplusplus
#define BL_BEGIN_DECLS extern "C" {
#define BL_END_DECLS   }
#else
#define BL_BEGIN_DECLS
#define BL_END_DECLS
#endif

#endif
