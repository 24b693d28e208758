"""stand-in until nbs/01_maps is exported"""
import numpy as np
def resize(values, size, interpolation="bilinear"):
    import cv2
    v=np.asarray(values,dtype=float)
    if v.ndim!=2: raise ValueError(f"a map has the shape (height, width), got {v.shape}.")
    if v.shape==tuple(size): return v.copy()
    return cv2.resize(v,(size[1],size[0]),interpolation=dict(bilinear=1,bicubic=2,nearest=0,area=3)[interpolation])
def normalise_map(values):
    v=np.asarray(values,dtype=float)
    if v.ndim!=2: raise ValueError(f"a map has the shape (height, width), got {v.shape}.")
    if not np.isfinite(v).all(): raise ValueError(f"{(~np.isfinite(v)).sum()} of {v.size} values of the map are NaN or infinite.")
    if v.min()<0: v=v-v.min()
    return v/v.sum() if v.sum() else np.full(v.shape,1/v.size)
def normalise_log_density(values):
    v=np.asarray(values,dtype=float)
    if v.ndim!=2: raise ValueError(f"a map has the shape (height, width), got {v.shape}.")
    if np.isnan(v).any(): raise ValueError("NaN")
    m=v.max(); return v-m-np.log(np.exp(v-m).sum())
def default_sigma(size, px_per_dva=None): return px_per_dva or 24/1024*max(size)
def _k(n,s):
    r=int(4*s+.5); d=np.arange(n)[:,None]-np.arange(n)[None]; k=np.exp(-.5*d**2/s**2)*(abs(d)<=r); w=np.exp(-.5*np.arange(-r,r+1)**2/s**2).sum(); return k/w
def density(x,y,size,sigma):
    h,w=size; d=_k(h,sigma)[:,np.asarray(y,int)]@_k(w,sigma)[:,np.asarray(x,int)].T; return d/d.sum()
def aggregate(m,how="mean"): return normalise_map(getattr(np,how)([normalise_map(a) for a in m],axis=0))
