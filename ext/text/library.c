#include "text/library.h"

#include <utf8proc.h>

const char *
txe_unicode_library(void)
{
    return utf8proc_version();
}
