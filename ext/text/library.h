/* Which library the Unicode algorithms come from. */
#ifndef TXE_TEXT_LIBRARY_H
#define TXE_TEXT_LIBRARY_H

/* Version of the utf8proc in use; static storage. */
const char *txe_unicode_library(void);

#endif
