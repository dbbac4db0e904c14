sed -i s/a/b/ cart.py
