/* What the tests of the language model share. */
#ifndef TESTS_LANGUAGE_MODEL_HELP_H
#define TESTS_LANGUAGE_MODEL_HELP_H

#include "model.h"

/* A folder of its own, and a file's path in it. */
void make_temporary(char folder[64]);
void remove_temporary(const char *folder);

/* Small models with a vocabulary of 11: an LSTM with two layers, and a GPT with two and 12 positions. */
model_options tiny_lstm(void);
model_options tiny_gpt(void);

#endif
