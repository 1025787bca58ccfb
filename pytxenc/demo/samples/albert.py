from transformers import AlbertTokenizer, AlbertModel
tokenizer = AlbertTokenizer.from_pretrained('albert-base-v2')
model = AlbertModel.from_pretrained('albert-base-v2')
input_ids = tokenizer.encode("Hello, my dog is cute", return_tensors="pt")
outputs = model(input_ids)
