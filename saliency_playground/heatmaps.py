"""stand-in until nbs/05_heatmaps is exported"""
import numpy as np
def scale(v,normalize="max"): return v/v.max()
def colorize(v,colormap="jet"):
    import matplotlib; return (matplotlib.colormaps[colormap](v)[...,:3]*255).astype(np.uint8)
def overlay(image,heat,alpha=.5): return (alpha*heat+(1-alpha)*image).astype(np.uint8)
def draw_fixations(image,x,y,radius=None,labels=None):
    im=image.copy()
    for a,b in zip(np.asarray(x,int),np.asarray(y,int)): im[max(b-1,0):b+2,max(a-1,0):a+2]=255
    return im
def contact_sheet(pictures,columns,captions=None,row_labels=None,width=1000):
    from PIL import Image
    w=width//columns; return np.hstack([np.array(Image.fromarray(p).resize((w,w*3//4))) for p in pictures[:columns]])
