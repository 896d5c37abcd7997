# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The Transformer, from scratch
#
# **Start with [lecture 00](00_orientation.ipynb).** It shows how shapes are written, how the course
# checks your work, and what a failed check looks like.
#
# ```mermaid
# flowchart LR
#     accTitle: The map of the course
#     accDescr: Lectures 00 to 13 in a row; assignments a1 to a8 hang below those they rest on.
#     l00["00 Orientation"] --> l01["01 From recurrence<br>to attention"]
#     l01 --> l02["02 Self-attention"] --> l03["03 Scaled dot-product<br>attention"]
#     l03 --> l04["04 Multi-head<br>attention"]
#     l04 --> l05["05 Complexity"] --> l06["06 Positional<br>encoding"]
#     l06 --> l07["07 Masked<br>self-attention"] --> l08["08 The block"]
#     l08 --> l09["09 The whole<br>Transformer"] --> l10["10 Training well"]
#     l10 --> l11["11 Looking inside"] --> l12["12 From scratch<br>to toolkits"]
#     l12 --> l13["13 Tuning"]
#     l03 -.-> a1(["a1 attention"])
#     l04 -.-> a2(["a2 multi-head"])
#     l07 -.-> a3(["a3 masked"])
#     l06 -.-> a4(["a4 positions"])
#     l05 -.-> a5(["a5 complexity"])
#     l09 -.-> a6(["a6 blocks"])
#     l10 -.-> a7(["a7 training"])
#     l13 -.-> a8(["a8 inside"])
#     a1 --> a2 --> a3 --> a4
#     a6 --> a7
# ```
#
# | lecture | the question it answers | then do |
# | --- | --- | --- |
# | [00 Orientation][00] | How do shapes work? How do I know that I am right? | |
# | [01 From recurrence to attention][01] | What does a word-by-word network forget? | |
# | [02 Self-attention][02] | How does a word decide where to look? | [a1][a1], problems 1 and 2 |
# | [03 Scaled dot-product attention][03] | How do all look at once? Why √d_k? | [a1][a1] |
# | [04 Multi-head attention][04] | What do several maps buy that one cannot give? | [a2][a2] |
# | [05 Complexity][05] | What does attention cost, next to recurrence? | [a5][a5] |
# | [06 Positional encoding][06] | How does a model without order learn about order? | |
# | [07 Masked self-attention][07] | How to train on all positions at once? | [a3][a3], [a4][a4] |
# | [08 The block][08] | What stands around attention, and why does it train? | |
# | [09 The whole Transformer][09] | Do the parts translate? What if one is missing? | [a6][a6] |
# | [10 Training well][10] | What do schedules, softer targets and taught heads do? | [a7][a7] |
# | [11 Looking inside][11] | What do heads look at, and does it explain anything? | |
# | [12 From scratch to toolkits][12] | What is all this called elsewhere, and is it the same? | |
# | [13 Tuning][13] | Which knobs matter, and how would you know? | [a8][a8] |
#
# **What you will have built** after a1, a2, a3 and a4: a masked multi-head attention with
# positions, of your own, at work on dates. a5 stands beside them: it counts and measures. a6 puts
# blocks around attention, a7 trains a whole model of yours until it reads dates in five languages,
# and a8 looks inside models and compares settings.
#
# [00]: 00_orientation.ipynb
# [01]: 01_from_recurrence_to_attention.ipynb
# [02]: 02_self_attention.ipynb
# [03]: 03_scaled_dot_product_attention.ipynb
# [04]: 04_multi_head_attention.ipynb
# [05]: 05_complexity.ipynb
# [06]: 06_positional_encoding.ipynb
# [07]: 07_masked_self_attention.ipynb
# [08]: 08_the_block.ipynb
# [09]: 09_the_whole_transformer.ipynb
# [10]: 10_training_well.ipynb
# [11]: 11_looking_inside.ipynb
# [12]: 12_from_scratch_to_toolkits.ipynb
# [13]: 13_tuning.ipynb
# [a1]: ../assignments/a1_attention/a1_attention.ipynb
# [a2]: ../assignments/a2_multi_head/a2_multi_head.ipynb
# [a3]: ../assignments/a3_masked/a3_masked.ipynb
# [a4]: ../assignments/a4_positions/a4_positions.ipynb
# [a5]: ../assignments/a5_complexity/a5_complexity.ipynb
# [a6]: ../assignments/a6_blocks/a6_blocks.ipynb
# [a7]: ../assignments/a7_training/a7_training.ipynb
# [a8]: ../assignments/a8_inside/a8_inside.ipynb
#
# Is everything in place? Click into the cell below and press Shift-Enter.

# %%
import torch

import autograder
import course

print(f"torch {torch.__version__}, {autograder.__name__} and {course.__name__}: all in place.")

# %% [markdown]
# The notation is the same everywhere: `b` batch, `n` (`n_q`, `n_k`) sequence length, `d_model`,
# `n_heads`, `d_head` = `d_model / n_heads`, `d_k` and `d_v` the sizes of a key and a value. A mask
# is boolean, and True means "may attend".
