/* GPT-2 as Hugging Face stores it. */
#ifndef LANGUAGE_MODEL_IMPORT_H
#define LANGUAGE_MODEL_IMPORT_H

#include "model.h"

/* Makes the GPT of a file of Hugging Face's GPT2Model or GPT2LMHeadModel in safetensors (or of an index of
 * several): sizes are those of its tensors. Its Conv1D layers have their weights [in, out], which are turned
 * round; masks that are stored beside them (attn.bias, attn.masked_bias) are left out. A head that is
 * missing, or is the same as wte, makes a tied model. `heads` 0: of 64 elements each, as GPT-2's are; the
 * file does not tell. Says on stderr what went wrong, and then there is nothing to free. */
bool gpt2_import(model *made, bl_context *context, const char *path, int64_t heads);

#endif
