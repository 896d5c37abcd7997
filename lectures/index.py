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
#     accDescr: Lectures 00 to 08 in a row; assignments a1 to a5 hang below those they rest on.
#     l00["00 Orientation"] --> l01["01 From recurrence<br>to attention"]
#     l01 --> l02["02 Self-attention"] --> l03["03 Scaled dot-product<br>attention"]
#     l03 --> l04["04 Multi-head<br>attention"]
#     l04 --> l05["05 Complexity"] --> l06["06 Positional<br>encoding"]
#     l06 --> l07["07 Masked<br>self-attention"] --> l08["08 The block"]
#     l03 -.-> a1(["a1 attention"])
#     l04 -.-> a2(["a2 multi-head"])
#     l07 -.-> a3(["a3 masked"])
#     l06 -.-> a4(["a4 positions"])
#     l05 -.-> a5(["a5 complexity"])
#     a1 --> a2 --> a3 --> a4
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
#
# In preparation: 09 The whole Transformer, 10 Training well, 11 Looking inside, 12 From scratch to
# toolkits, 13 Tuning, with assignments a6 and a7. Assignment a8 is there already, for lectures 11
# and 13.
#
# **What you will have built** after a1, a2, a3 and a4: a masked multi-head attention with
# positions, of your own, at work on dates. a5 stands beside them: it counts and measures.
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
# [a1]: ../assignments/a1_attention/a1_attention.ipynb
# [a2]: ../assignments/a2_multi_head/a2_multi_head.ipynb
# [a3]: ../assignments/a3_masked/a3_masked.ipynb
# [a4]: ../assignments/a4_positions/a4_positions.ipynb
# [a5]: ../assignments/a5_complexity/a5_complexity.ipynb
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
