/* SPDX-License-Identifier: GPL-2.0 */
/* Memory and strings are the C library's. */
#include <string.h>
