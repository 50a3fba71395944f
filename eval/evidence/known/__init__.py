"""Distributions that are known: Gaussian mixtures, their exact denoisers, and small trained ones.

The sampling is the product's own: the reflecting scheduler around diffusers' DDIM.
"""
