print("chord")
