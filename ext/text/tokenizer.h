/* The whole tokenizer: added tokens, normaliser, splitter, model, template, truncation. */
#ifndef TXE_TEXT_TOKENIZER_H
#define TXE_TEXT_TOKENIZER_H
/* contract: see pytxenc/_core.pyi, class Tokenizer */
#endif
